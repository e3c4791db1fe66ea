"""The character model: PyTorch's numbers, padding that never leaks, clear errors."""

import functools

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import models, text

CELLS = ("rnn", "lstm", "gru")


def small(cell="lstm", seed=0, **options):
    dls.manual_seed(seed)
    model = models.char_rnn(7, **{"hidden_size": 5, "num_layers": 2, "cell": cell, **options})
    model.double()
    return model


def test_parameters_are_those_of_the_table():
    model = models.CharRNN(38, 128, num_layers=2, dropout=0.5)
    count = {name.split(".")[0]: 0 for name, _ in model.named_parameters()}
    for name, parameter in model.named_parameters():
        count[name.split(".")[0]] += parameter.size
    assert count == {"recurrent": 86_016 + 132_096, "output": 4_902}
    assert sum(count.values()) == 223_014 == 221_990 + 2 * 4 * 128


@pytest.mark.torch
@pytest.mark.parametrize("cell", CELLS)
def test_output_and_gradients_are_pytorch_s(cell):
    torch = pytest.importorskip("torch")
    model, rng = small(cell), np.random.default_rng(1)
    kind = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
    layer = kind(7, 5, 2, batch_first=True).double()
    output = torch.nn.Linear(5, 7).double()
    for name, value in model.state_dict().items():
        part, own = name.split(".")
        target = {"recurrent": layer, "output": output}[part]
        getattr(target, own).data = torch.tensor(value.numpy())
    tokens, targets = rng.integers(0, 7, (3, 6)), rng.integers(0, 7, (3, 6))
    theirs = output(layer(torch.nn.functional.one_hot(torch.tensor(tokens), 7).double())[0])
    loss = torch.nn.functional.cross_entropy(theirs.reshape(-1, 7), torch.tensor(targets).ravel())
    loss.backward()
    mine = model(tokens)
    F.cross_entropy(mine.reshape(-1, 7), dls.Tensor(targets.ravel())).backward()
    np.testing.assert_allclose(mine.numpy(), theirs.detach().numpy(), atol=1e-12)
    for name, parameter in model.named_parameters():
        part, own = name.split(".")
        right = getattr({"recurrent": layer, "output": output}[part], own).grad.numpy()
        np.testing.assert_allclose(parameter.grad.numpy(), right, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("seed", range(4))
def test_padding_changes_no_output_and_no_gradient(cell, seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, 5)
    real = np.arange(11) < lengths[:, None]
    tokens, targets = rng.integers(0, 7, (2, 5, 11))
    targets[~real] = -100  # ignored by the loss
    answers = []
    for width in (lengths.max(), 11):
        for _ in range(2):
            model = small(cell, seed)
            padded = np.where(real, tokens, rng.integers(-1, 7, tokens.shape))[:, :width]
            logits = model(padded)
            F.cross_entropy(
                logits.reshape(-1, 7), dls.Tensor(targets[:, :width].ravel())).backward()
            grads = [parameter.grad.numpy() for parameter in model.parameters()]
            answers.append([logits.numpy()[real[:, :width]], *grads])
    for other in answers[1:]:
        for mine, right in zip(other, answers[0], strict=True):
            np.testing.assert_allclose(mine, right, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("cell", CELLS)
def test_reading_in_parts_gives_what_reading_at_once_gives(cell):
    model, tokens = small(cell), np.random.default_rng(3).integers(-1, 7, (2, 9))
    whole = model(tokens).numpy()
    state, parts = None, []
    for part in np.split(tokens, [1, 4], axis=1):
        logits, state = model.read(part, state)
        parts.append(logits.numpy())
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-13)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("drawn", [False, True])
def test_generation_with_the_state_equals_generation_without(cell, drawn):
    model, prompt = small(cell, 2, dropout=0.5), np.array([[-1, 3, 2], [4, 4, 1]])

    def sampler():
        draw = functools.partial(text.sample, temperature=2, generator=dls.Generator(5))
        return draw if drawn else None

    def step(last, written):  # reads the whole text again for every token
        written = np.concatenate([written, last[:, None]], axis=1)
        return model(written)[:, -1], written

    model.train()
    found = model.generate(prompt, 12, end=0, sampler=sampler())
    assert model.training
    model.eval()
    plain = text.generate(step, prompt[:, -1], end=0, max_length=12, state=prompt[:, :-1],
                          sampler=sampler())
    assert found == [hypotheses[0].tokens for hypotheses in plain]


@pytest.mark.parametrize("cell", CELLS)
def test_beam_search_reorders_the_state(cell):
    model, start = small(cell, 4), np.array([3, 6])

    def step(last, written):
        written = np.concatenate([written, last[:, None]], axis=1)
        return model(written)[:, -1], written

    options = {"end": 0, "max_length": 6, "beam_width": 3}
    plain = text.beam_search(step, start, state=np.empty((2, 0), int), **options)
    found = text.beam_search(model.step, start, reorder=model.reorder, **options)
    for mine, right in zip(found, plain, strict=True):
        assert [h.tokens for h in mine] == [h.tokens for h in right]


def test_nothing_is_an_input_of_zeros():
    model = small("rnn", num_layers=1)
    layer = model.recurrent
    state = np.tanh(layer.bias_ih_l0.numpy() + layer.bias_hh_l0.numpy())
    right = model.output.weight.numpy() @ state + model.output.bias.numpy()
    np.testing.assert_allclose(model([[-1]]).numpy()[0, 0], right, atol=1e-14)


@pytest.mark.parametrize("tokens, said", [
    (np.empty((2, 0), int), "empty"), ([[3, 7]], "0 to 6"), ([[-2, 1]], "-1 for nothing"),
])
def test_bad_texts_get_a_clear_error(tokens, said):
    with pytest.raises(dls.DataError, match=said):
        small()(tokens)
    with pytest.raises(dls.DataError, match=said):
        small().generate(tokens, 3)


def test_other_bad_input():
    with pytest.raises(dls.DataError, match="'lstm'"):
        models.CharRNN(5, cell="LSTM")
    with pytest.raises(dls.DtypeError, match="encode the text first"):
        small()([[0.5]])
    with pytest.raises(dls.ShapeError, match="a row of a batch"):
        small()([1, 2])
