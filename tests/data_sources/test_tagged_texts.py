"""Labelled addresses, stories with questions, and the Arrow streams they come in."""

import base64
import re
import zlib

import pytest

from tinygrad_dls.data import sources
from tinygrad_dls.data.sources.addresses import labelled_addresses, made_addresses
from tinygrad_dls.data.sources.arrow import read_arrow
from tinygrad_dls.data.sources.stories import OPPOSITE, ROOMS, made_questions
from tinygrad_dls.errors import DataError, FormatError

XML = """<AddressCollection>
  <AddressString><AddressNumber>12</AddressNumber> <StreetName>Old</StreetName> <StreetName>Mill
  </StreetName> <StreetNamePostType>Rd.,</StreetNamePostType> <StateName>NY</StateName>
  </AddressString>{}</AddressCollection>"""


def test_neighbours_of_one_label_are_one_entity_without_punctuation_at_its_end(tmp_path):
    file = tmp_path / "labeled.xml"
    more = "".join(f"<AddressString><AddressNumber>{n}</AddressNumber></AddressString>"
                   for n in [*range(100, 500), 100])  # one of them twice
    file.write_text(XML.format(more))
    read = labelled_addresses((file,))
    texts = read.train_texts + read.test_texts
    assert len(texts) == 401 == len(set(texts)) and len(read.test_texts) == 300
    place = texts.index("12 Old Mill Rd., NY")
    entities = (read.train_entities + read.test_entities)[place]
    assert [(texts[place][start:end], label) for start, end, label in entities] == [
        ("12", "AddressNumber"), ("Old Mill", "StreetName"), ("Rd", "StreetNamePostType"),
        ("NY", "StateName")]


def test_damaged_addresses_are_refused(tmp_path):
    file = tmp_path / "labeled.xml"
    file.write_text(XML.format("")[:100])
    with pytest.raises(FormatError, match="truncated or corrupt"):
        labelled_addresses((file,))


def test_made_addresses_are_different_and_their_names_mostly_new():
    read = made_addresses()
    texts = read.train_texts + read.test_texts
    assert len(set(texts)) == len(texts) == 1500 and len(read.labels) == 13
    assert made_addresses(50, 10).train_texts == made_addresses(50, 10).train_texts

    def names(texts, rows, label):
        return {text[start:end].lower() for text, row in zip(texts, rows, strict=True)
                for start, end, what in row if what == label}

    old = names(read.train_texts, read.train_entities, "PlaceName")
    new = names(read.test_texts, read.test_entities, "PlaceName")
    assert len(new - old) > 0.2 * len(new)
    for text, row in zip(read.test_texts, read.test_entities, strict=True):
        left = re.sub(r"[\s,.]", "", text)
        for start, end, _ in row:
            left = left.replace(re.sub(r"[\s,.]", "", text[start:end]), "", 1)
        assert left == "", "every word has a label"


def test_entities_outside_of_their_text_are_refused():
    row = (sources.Entity(0, 9, "Zip"),)
    with pytest.raises(DataError, match="Zip from 0 to 9"):
        sources.TaggedTexts(train_texts=("ab",), train_entities=(row,), test_texts=("ab",),
                            test_entities=((),), labels=("Zip",))


def answers(context, question):
    """What follows from a story: every room that stands so, by reasoning over its sentences."""
    facts = set()
    for a, side, b in re.findall(r"The (\w+) is (\w+) of the (\w+)\.", context):
        facts |= {(a, side, b), (b, OPPOSITE[side], a)}
    if match := re.fullmatch(r"What is (\w+) of the (\w+)\?", question):
        return {a for a, side, b in facts if (side, b) == match.groups()}
    room, side = re.fullmatch(r"What is the (\w+) (\w+) of\?", question).groups()
    return {b for a, s, b in facts if (a, s) == (room, side)}


def test_made_questions_have_one_answer_and_the_test_set_is_new():
    read = made_questions()
    train = list(zip(read.train_contexts, read.train_questions, read.train_answers, strict=True))
    test = list(zip(read.test_contexts, read.test_questions, read.test_answers, strict=True))
    assert len(train) == len(test) == 1000 and not set(train) & set(test)
    for context, question, answer in train + test:
        assert answers(context, question) == {answer}
    count = [sum(answer == room for *_, answer in train) for room in ROOMS]
    assert min(count) > 120


@pytest.mark.course
def test_the_course_s_stories_obey_the_same_rules(real_course):
    read = sources.load("question-answering", "course")
    assert len(read.train_contexts) == len(read.test_contexts) == 1000
    assert read.verified and read.train_questions[1] == "What is the garden east of?"
    for story in zip(read.train_contexts, read.train_questions, read.train_answers, strict=True):
        assert answers(*story[:2]) == {story[2]}


ROWS = [{"n": i, "text": "é" * i, "list": ["a", str(i)][:i],
         "deep": {"x": [[i], []], "y": f"y{i}"}} for i in range(5)]
STREAM = zlib.decompress(base64.b85decode(  # these rows in batches of two, by pyarrow 26.0.1
    "c-pm9u}%U(5S=?tL2@P+V+;iag#{%lg@px$g(ZcBg@q)NK%$03io1?au(Y()#KO|j#2>J*ps?UWjO*;)EUXVMfYB"
    "v;v$OBryV>2DMJc659#KTP6)B`uTA>1uxOoBl#9o1)fjrY5^E><8N8;aqDa9|Wmv~%}IiLFh_f7H7+wGo~{b24e<"
    "*!5zZa&F9(F2a_Gv$ODF9}EEk=U4fm3iB0!YeyGtK03jFSX<`^O`Bwj~q<`-l5@;*Wkxsj`l_Oy071PV&0>gtSL)"
    "-$eeeFR|a0c9rx35VEl-`RNynoo0Ev-oYMHquy0r9tU~U2b5?c@vYo2xr*Z2R(w3ZbXp|`zn3zXoTao?HoVw11Q^"
    "^sZCT)|lTNNzMhhq0Zs|oxj@Xr9ZzO0uzV)J5qz|Zon{s8a+#CHq$Ev)MW@E6d38}II<t--$10=~B-KUk8F-?4aZ"
    "j^69T^e-!JJ#MvjTYIhgSR(-3lX?Faak+X)E!jzSlf9(ATs=JhQ9VRpao*-fMeGLD2Z3+-M}QweEVe#Yp+0DiZ}n"
    "rqW6-|={07!_2lyT6KS6xIt%u;B`Iu)`qnMfZv-6OgoX$D(P8lpz2eab&k?)f0i{^P}PM&)U=6L~Z)_eqh3HT+zD"
    "}YxZk7}?lS#^WH)o%da0R620CHwvf;3t5e&B&{@8TYui<URk_`~c3(&1N6+*W_(|`dgl(i}$g6|7!aUCPtx_"
))


def test_arrow_streams_are_read_as_pyarrow_wrote_them(tmp_path):
    (tmp_path / "a.arrow").write_bytes(STREAM)
    assert read_arrow(tmp_path / "a.arrow") == ROWS


def test_a_damaged_stream_is_a_clear_error(tmp_path):
    file = tmp_path / "dataset.arrow"
    damaged = [b"", STREAM[:100], STREAM[:1500], STREAM[:-200], b"PK" + STREAM, STREAM[8:]]
    for place in range(0, len(STREAM), 7):
        changed = bytearray(STREAM)
        changed[place] ^= 0xFF
        damaged.append(bytes(changed))
    errors = 0
    for data in damaged:
        file.write_bytes(data)
        try:
            read_arrow(file)
        except FormatError as error:
            assert str(file) in str(error)
            errors += 1
    assert errors > 80
    for data in damaged[:6]:
        file.write_bytes(data)
        with pytest.raises(FormatError):
            read_arrow(file)
