"""torchvision as oracle: the same names, shapes, counts, outputs and gradients."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tests.models.comparing import close, same_names, same_network, torch
from tests.oracle.torchvision_models import torchvision
from tinygrad_dls import models, nn
from tinygrad_dls.models.vgg import VGG16, vgg_features

pytestmark = pytest.mark.torch

NETWORKS = {
    "resnet18": (2, 3, 64, 64),
    "resnet34": (2, 3, 64, 64),
    "resnet50": (2, 3, 64, 64),
    "googlenet": (2, 3, 64, 64),
    "mobilenet_v2": (2, 3, 64, 64),
    "squeezenet1_0": (2, 3, 60, 49),
    "squeezenet1_1": (2, 3, 49, 60),
}


def theirs_of(name, **options):
    torch.manual_seed(0)
    if name == "googlenet":
        options["init_weights"] = False  # its normal numbers within two come slowly
    return getattr(torchvision.models, name)(weights=None, **options)


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.slow) if name == "resnet34" else name for name in NETWORKS
])
def test_same_network(name):
    theirs = theirs_of(name, num_classes=7)
    mine = getattr(models, name)(num_classes=7)
    same_names(mine, theirs)
    same_network(mine, theirs, NETWORKS[name])


SETTING = [[1, 8, 1, 1], [6, 16, 2, 2], [3, 24, 2, 1]]


@pytest.mark.parametrize("name, options", [
    ("resnet50", {"groups": 4, "width_per_group": 8}),  # a small ResNeXt
    ("resnet50", {"replace_stride_with_dilation": [False, True, True]}),
    ("resnet18", {"norm_layer": lambda lib: lambda channels: lib.GroupNorm(8, channels)}),
    ("resnet50", {"norm_layer": lambda lib: lambda channels: lib.GroupNorm(4, channels),
                  "zero_init_residual": True}),
    ("mobilenet_v2", {"inverted_residual_setting": SETTING, "width_mult": 0.5,
                      "round_nearest": 4}),
    ("mobilenet_v2", {"norm_layer": lambda lib: lambda channels: lib.GroupNorm(4, channels),
                      "inverted_residual_setting": SETTING, "progress": False}),
])
def test_torchvisions_arguments(name, options):
    def for_library(lib):
        return {k: v(lib) if k == "norm_layer" else v for k, v in options.items()}

    theirs = theirs_of(name, num_classes=7, **for_library(torch.nn))
    mine = getattr(models, name)(num_classes=7, **for_library(nn))
    same_names(mine, theirs)
    same_network(mine, theirs, NETWORKS[name])


@pytest.mark.parametrize("build, said", [
    (lambda: models.resnet18(groups=2), "bottlenecks"),
    (lambda: models.resnet50(replace_stride_with_dilation=[True]), "three truth values"),
    (lambda: models.resnet50(group=2), "did you mean 'groups'"),
    (lambda: models.vgg16(init_weight=False), "did you mean 'init_weights'"),
])
def test_wrong_arguments(build, said):
    with pytest.raises((dls.DataError, TypeError), match=said):
        build()


@pytest.mark.parametrize("name, count", [
    ("resnet18", 11_689_512), ("resnet50", 25_557_032), ("googlenet", 13_004_888),
    ("mobilenet_v2", 3_504_872), ("squeezenet1_0", 1_248_424), ("squeezenet1_1", 1_235_496),
])
def test_the_published_number_of_parameters(name, count):
    assert sum(p.size for p in getattr(models, name)().parameters()) == count


@pytest.mark.slow
@pytest.mark.parametrize("name, count", [
    ("alexnet", 61_100_840), ("vgg16", 138_357_544), ("vgg19", 143_667_240),
    ("resnet34", 21_797_672),
])
def test_the_large_ones_have_torchvisions_names(name, count):
    mine = getattr(models, name)()
    assert sum(p.size for p in mine.parameters()) == count
    with torch.device("meta"):
        same_names(mine, getattr(torchvision.models, name)())


def narrow(lib, classifier):
    """Keep the order of the layers, with 32 in the place of 4096 units."""
    linear = [i for i, layer in enumerate(classifier) if isinstance(layer, lib.Linear)]
    sizes = [classifier[linear[0]].in_features, 32, 32, 5]
    for i, before, after in zip(linear, sizes, sizes[1:]):
        classifier[i] = lib.Linear(before, after)


@pytest.mark.parametrize("name", ["alexnet", "vgg16"])
def test_the_networks_with_large_linear_layers(name):
    torch.manual_seed(0)
    if name == "alexnet":
        mine, theirs = models.alexnet(), torchvision.models.alexnet()
    else:
        features = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])
        mine = models.VGG(vgg_features(VGG16), init_weights=False)
        theirs = torchvision.models.VGG(features, init_weights=False)
    narrow(nn, mine.classifier)
    narrow(torch.nn, theirs.classifier)
    same_names(mine, theirs)
    same_network(mine, theirs, (1, 3, 70, 64))


def test_vgg19_has_the_layers_of_configuration_e():
    features = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["E"])
    same_names(vgg_features(models.vgg.VGG19), features)


def test_the_head_of_ssd():
    theirs = torchvision.models.detection.ssd.SSDHead([6, 4], [3, 5], 4)
    mine = models.SSDHead([6, 4], [3, 5], 4)
    same_names(mine, theirs)
    mine.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    rng = np.random.default_rng(0)
    shapes = [(2, 6, 5, 4), (2, 4, 3, 2)]
    maps = [rng.standard_normal(shape, "float32") for shape in shapes]
    found = mine([dls.Tensor(m) for m in maps])
    expected = theirs([torch.from_numpy(m) for m in maps])
    for name in expected:
        np.testing.assert_allclose(found[name].detach().numpy(), expected[name].detach(),
                                   atol=1e-5)


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_a_checkpoint_of_ones_own_loads_by_name(tmp_path, ending):
    theirs = theirs_of("resnet18", num_classes=3).eval()
    path = tmp_path / f"mine.{ending}"
    if ending == "pth":  # as old checkpoints are: without counters of batches
        state = {k: v for k, v in theirs.state_dict().items() if "num_batches" not in k}
        torch.save(state, path)
    else:
        save = pytest.importorskip("safetensors.torch").save_file
        save(theirs.state_dict(), path)
    mine = models.resnet18(num_classes=3, weights=path)
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(mine.state_dict()[name].numpy(), value)


def test_a_trained_googlenet_drops_its_auxiliary_heads(tmp_path):
    theirs = theirs_of("googlenet", num_classes=3)
    torch.save(theirs.state_dict(), tmp_path / "g.pth")
    mine = models.googlenet(num_classes=3, weights=tmp_path / "g.pth").eval()
    theirs.aux1 = theirs.aux2 = None
    theirs.aux_logits, theirs.transform_input = False, True
    same_names(mine, theirs)
    x = np.random.default_rng(0).standard_normal((2, 3, 64, 64), "float32")
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(x))
    close(mine(dls.Tensor(x)).detach().numpy(), expected, 1e-4, "logits")
