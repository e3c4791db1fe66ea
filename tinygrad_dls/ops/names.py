"""The one table of names: what users call, and the operation that runs.

A row names an operation of a file of this folder, and every name that users have for it:

    Name("arithmetic.square", function="square", method="square", numpy="square")

is `dls.square(x)`, `x.square()` and `np.square(x)`. Several names are separated by spaces. If the
operation is a class, its function is made here. The functions of `ops`, those of `dls`, the methods
of `Tensor`, NumPy's functions on tensors, the type stubs and the table in ops/README.md follow.
"""

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from .call import function
from .op import Op, snake_case


class Name(NamedTuple):
    """An operation and its names."""

    op: str  # file and name: an `Op` without parameters, or a function
    function: str = ""  # dls.NAME(x); NumPy's name first, then PyTorch's
    method: str = ""  # x.NAME()
    numpy: str = ""  # np.NAME(x)
    # A function with options takes lists, and its options under PyTorch's names, too, which costs
    # one more call. "method" and "both" say where it does not.
    plain: str = ""

    @property
    def inner(self) -> str:
        """The name in `ops`: the function's, or the class's in snake case."""
        return snake_case(self.op.partition(".")[2].rstrip("_"))

    def build(self) -> Callable[..., Any]:
        """The function that runs the operation."""
        file, name = self.op.split(".")
        found = getattr(import_module(f".{file}", __package__), name)
        built: Callable[..., Any] = function(found()) if is_class(found) else found
        return built


def is_class(found: Any) -> bool:
    """Return whether a row names the class of an operation."""
    return inspect.isclass(found) and issubclass(found, Op)


NAMES = (  # by family
    Name("arithmetic.add", function="add", method="add", numpy="add"),
    Name("arithmetic.div", function="divide div true_divide", method="div",
         numpy="divide true_divide"),
    Name("arithmetic.Maximum", function="maximum", method="maximum", numpy="maximum"),
    Name("arithmetic.Minimum", function="minimum", method="minimum", numpy="minimum"),
    Name("arithmetic.mul", function="multiply mul", method="mul", numpy="multiply"),
    Name("arithmetic.power", function="power pow", numpy="power float_power"),
    Name("arithmetic.reciprocal", function="reciprocal", method="reciprocal", numpy="reciprocal",
         plain="both"),
    Name("arithmetic.square", function="square", method="square", numpy="square", plain="both"),
    Name("arithmetic.sub", function="subtract sub", method="sub", numpy="subtract"),
    Name("elementwise.abs_", function="abs absolute", method="abs absolute", numpy="absolute fabs"),
    Name("elementwise.clip", function="clip clamp", method="clip clamp", numpy="clip"),
    Name("elementwise.Exp", function="exp", method="exp", numpy="exp"),
    Name("elementwise.Exp2", function="exp2", method="exp2", numpy="exp2"),
    Name("elementwise.Expm1", function="expm1", method="expm1", numpy="expm1"),
    Name("elementwise.log", function="log", method="log", numpy="log"),
    Name("elementwise.Log1p", function="log1p", method="log1p", numpy="log1p"),
    Name("elementwise.Log2", function="log2", method="log2", numpy="log2"),
    Name("elementwise.Log10", function="log10", method="log10", numpy="log10"),
    Name("elementwise.Neg", function="negative neg", method="neg", numpy="negative"),
    Name("elementwise.Rsqrt", function="rsqrt", method="rsqrt"),
    Name("elementwise.sqrt", function="sqrt", method="sqrt", numpy="sqrt"),
    Name("trigonometric.Arccos", function="arccos acos", method="arccos acos", numpy="arccos"),
    Name("trigonometric.Arccosh", function="arccosh acosh", method="arccosh acosh",
         numpy="arccosh"),
    Name("trigonometric.Arcsin", function="arcsin asin", method="arcsin asin", numpy="arcsin"),
    Name("trigonometric.Arcsinh", function="arcsinh asinh", method="arcsinh asinh",
         numpy="arcsinh"),
    Name("trigonometric.Arctan", function="arctan atan", method="arctan atan", numpy="arctan"),
    Name("trigonometric.Arctan2", function="arctan2 atan2", method="arctan2 atan2",
         numpy="arctan2"),
    Name("trigonometric.Arctanh", function="arctanh atanh", method="arctanh atanh",
         numpy="arctanh"),
    Name("trigonometric.Cos", function="cos", method="cos", numpy="cos"),
    Name("trigonometric.Cosh", function="cosh", method="cosh", numpy="cosh"),
    Name("trigonometric.Hypot", function="hypot", method="hypot", numpy="hypot"),
    Name("trigonometric.Sin", function="sin", method="sin", numpy="sin"),
    Name("trigonometric.Sinh", function="sinh", method="sinh", numpy="sinh"),
    Name("trigonometric.Tan", function="tan", method="tan", numpy="tan"),
    Name("trigonometric.Tanh", function="tanh", method="tanh", numpy="tanh"),
    Name("special.Erf", function="erf", method="erf"),
    Name("special.Erfc", function="erfc", method="erfc"),
    Name("special.lerp", function="lerp", method="lerp"),
    Name("special.Logaddexp", function="logaddexp", method="logaddexp", numpy="logaddexp"),
    Name("special.nan_to_num", function="nan_to_num", method="nan_to_num", numpy="nan_to_num",
         plain="method"),
    Name("rounding.Ceil", function="ceil", method="ceil", numpy="ceil"),
    Name("rounding.divmod", function="divmod", numpy="divmod"),
    Name("rounding.Floor", function="floor", method="floor", numpy="floor"),
    Name("rounding.floor_divide", function="floor_divide", method="floor_divide",
         numpy="floor_divide"),
    Name("rounding.Fmod", function="fmod", method="fmod", numpy="fmod"),
    Name("rounding.remainder", function="remainder", method="remainder", numpy="remainder"),
    Name("rounding.round", function="round", method="round", numpy="rint round around",
         plain="method"),
    Name("rounding.Sign", function="sign", method="sign", numpy="sign"),
    Name("rounding.Trunc", function="trunc", method="trunc", numpy="trunc"),
    Name("comparison.allclose", function="allclose", method="allclose", numpy="allclose"),
    Name("comparison.array_equal", function="array_equal", numpy="array_equal"),
    Name("comparison.equal", function="equal eq", method="eq", numpy="equal"),
    Name("comparison.greater", function="greater gt", method="gt", numpy="greater"),
    Name("comparison.GreaterEqual", function="greater_equal ge", method="ge",
         numpy="greater_equal"),
    Name("comparison.isclose", function="isclose", method="isclose", numpy="isclose"),
    Name("comparison.Isfinite", function="isfinite", method="isfinite", numpy="isfinite"),
    Name("comparison.Isinf", function="isinf", method="isinf", numpy="isinf"),
    Name("comparison.isnan", function="isnan", method="isnan", numpy="isnan"),
    Name("comparison.less", function="less lt", method="lt", numpy="less"),
    Name("comparison.LessEqual", function="less_equal le", method="le", numpy="less_equal"),
    Name("comparison.logical_and", function="logical_and", method="logical_and",
         numpy="logical_and"),
    Name("comparison.LogicalNot", function="logical_not", method="logical_not",
         numpy="logical_not"),
    Name("comparison.LogicalOr", function="logical_or", method="logical_or", numpy="logical_or"),
    Name("comparison.LogicalXor", function="logical_xor", method="logical_xor",
         numpy="logical_xor"),
    Name("comparison.not_equal", function="not_equal ne", method="ne", numpy="not_equal"),
    Name("comparison.where", function="where", numpy="where"),
    Name("bits.BitwiseAnd", function="bitwise_and", numpy="bitwise_and"),
    Name("bits.BitwiseOr", function="bitwise_or", numpy="bitwise_or"),
    Name("bits.BitwiseXor", function="bitwise_xor", numpy="bitwise_xor"),
    Name("bits.Invert", function="bitwise_not bitwise_invert", numpy="invert"),
    Name("activations.leaky_relu", function="leaky_relu", plain="both"),
    Name("activations.Relu", function="relu", method="relu"),
    Name("activations.Sigmoid", function="sigmoid", method="sigmoid"),
    Name("softmax.softmax", function="softmax", method="softmax"),
    Name("softmax.log_softmax", function="log_softmax", method="log_softmax"),
    Name("reduction.all", function="all", method="all", numpy="all"),
    Name("reduction.amax", function="amax", method="amax", numpy="amax"),
    Name("reduction.amin", function="amin", method="amin", numpy="amin"),
    Name("reduction.any", function="any", method="any", numpy="any"),
    Name("reduction.argmax", function="argmax", method="argmax", numpy="argmax"),
    Name("reduction.argmin", function="argmin", method="argmin", numpy="argmin"),
    Name("reduction.count_nonzero", function="count_nonzero", method="count_nonzero",
         numpy="count_nonzero"),
    Name("reduction.logsumexp", function="logsumexp", method="logsumexp"),
    Name("reduction.max", function="max", method="max", numpy="max"),
    Name("reduction.mean", function="mean", method="mean", numpy="mean"),
    Name("reduction.min", function="min", method="min", numpy="min"),
    Name("reduction.std", function="std", method="std", numpy="std"),
    Name("reduction.sum", function="sum", method="sum", numpy="sum"),
    Name("reduction.var", function="var", method="var", numpy="var"),
    Name("norms.norm", function="norm", method="norm", numpy="norm"),
    Name("norms.vector_norm", function="vector_norm", numpy="vector_norm"),
    Name("scan.cumprod", function="cumprod", method="cumprod", numpy="cumprod"),
    Name("scan.cumsum", function="cumsum", method="cumsum", numpy="cumsum"),
    Name("scan.diff", function="diff", method="diff", numpy="diff"),
    Name("scan.prod", function="prod", method="prod", numpy="prod"),
    Name("sorting.argsort", function="argsort", method="argsort", numpy="argsort"),
    Name("sorting.median", function="median", method="median", numpy="median"),
    Name("sorting.sort", function="sort", method="sort", numpy="sort"),
    Name("sorting.topk", function="topk", method="topk"),
    Name("matmul.matmul", function="matmul", numpy="matmul"),
    Name("products.addmm", function="addmm"),
    Name("products.bmm", function="bmm", method="bmm"),
    Name("products.dot", function="dot", method="dot", numpy="dot"),
    Name("products.inner", function="inner", method="inner", numpy="inner"),
    Name("products.mm", function="mm", method="mm"),
    Name("products.mv", function="mv", method="mv"),
    Name("products.outer", function="outer", method="outer", numpy="outer"),
    Name("products.tensordot", function="tensordot", method="tensordot", numpy="tensordot"),
    Name("products.vdot", function="vdot", method="vdot", numpy="vdot"),
    Name("einsum.einsum", function="einsum", numpy="einsum"),
    Name("shape.broadcast_arrays", function="broadcast_arrays", numpy="broadcast_arrays"),
    Name("shape.broadcast_to", function="broadcast_to", method="broadcast_to",
         numpy="broadcast_to", plain="method"),
    Name("shape.clone", function="clone", method="clone", numpy="copy"),
    Name("shape.expand", function="expand", method="expand", plain="method"),
    Name("shape.expand_dims", function="expand_dims unsqueeze", method="expand_dims",
         numpy="expand_dims"),
    Name("shape.flatten", function="flatten", method="flatten"),
    Name("shape.meshgrid", function="meshgrid", numpy="meshgrid"),
    Name("shape.moveaxis", function="moveaxis movedim", method="moveaxis movedim",
         numpy="moveaxis"),
    Name("shape.permute_dims", function="permute_dims permute", method="permute_dims",
         numpy="permute_dims"),
    Name("shape.ravel", function="ravel", method="ravel", numpy="ravel", plain="method"),
    Name("shape.reshape", function="reshape", method="reshape", numpy="reshape", plain="method"),
    Name("shape.squeeze", function="squeeze", method="squeeze", numpy="squeeze"),
    Name("shape.swapaxes", function="swapaxes swapdims", method="swapaxes swapdims",
         numpy="swapaxes", plain="method"),
    Name("shape.transpose", function="transpose", method="transpose", numpy="transpose",
         plain="method"),
    Name("shape.unflatten", function="unflatten", method="unflatten"),
    Name("joining.array_split", function="array_split", method="array_split", numpy="array_split"),
    Name("joining.chunk", function="chunk", method="chunk"),
    Name("joining.concatenate", function="concatenate cat", numpy="concatenate"),
    Name("joining.hstack", function="hstack", numpy="hstack"),
    Name("joining.split", function="split", method="split", numpy="split"),
    Name("joining.split_with_sizes", function="split_with_sizes", method="split_with_sizes"),
    Name("joining.stack", function="stack", numpy="stack"),
    Name("joining.unstack", function="unstack unbind", method="unstack unbind", numpy="unstack"),
    Name("joining.vstack", function="vstack", numpy="vstack"),
    Name("tiling.flip", function="flip", method="flip", numpy="flip"),
    Name("tiling.repeat", function="repeat repeat_interleave", method="repeat repeat_interleave",
         numpy="repeat"),
    Name("tiling.roll", function="roll", method="roll", numpy="roll"),
    Name("tiling.rot90", function="rot90", method="rot90", numpy="rot90"),
    Name("tiling.tile", function="tile", method="tile", numpy="tile", plain="method"),
    Name("padding.pad", function="pad", method="pad", numpy="pad"),
    Name("triangles.diag", function="diag", method="diag", numpy="diag"),
    Name("triangles.diag_embed", function="diag_embed", method="diag_embed"),
    Name("triangles.diagonal", function="diagonal", method="diagonal", numpy="diagonal"),
    Name("triangles.trace", method="trace", numpy="trace"),
    Name("triangles.tril", function="tril", method="tril", numpy="tril"),
    Name("triangles.triu", function="triu", method="triu", numpy="triu"),
    Name("indexing.take", function="take", method="take", numpy="take"),
    Name("gathering.argwhere", function="argwhere", method="argwhere", numpy="argwhere",
         plain="method"),
    Name("gathering.gather", function="gather", method="gather"),
    Name("gathering.index_select", function="index_select", method="index_select"),
    Name("gathering.masked_select", function="masked_select", method="masked_select"),
    Name("gathering.nonzero", function="nonzero", method="nonzero", numpy="nonzero",
         plain="method"),
    Name("gathering.take_along_axis", function="take_along_axis", method="take_along_axis",
         numpy="take_along_axis"),
    Name("scatter.scatter", function="scatter", method="scatter"),
    Name("scatter.index_add", function="index_add", method="index_add"),
    Name("scatter.index_put", function="index_put", method="index_put"),
    Name("scatter.masked_fill", function="masked_fill", method="masked_fill"),
    Name("scatter.put_along_axis", function="put_along_axis", method="put_along_axis"),
    Name("scatter.scatter_add", function="scatter_add", method="scatter_add"),

    Name("filling.full_like", numpy="full_like"), Name("filling.ones_like", numpy="ones_like"),
    Name("filling.zeros_like", numpy="zeros_like"),

    # Of layers, losses and other operations, not of users.
    Name("activations.elu"), Name("activations.gelu"), Name("gated.glu"),
    Name("activations.Hardsigmoid"), Name("activations.Hardswish"),
    Name("activations.hardtanh"), Name("activations.logsigmoid"), Name("activations.Mish"),
    Name("activations.prelu"), Name("activations.Silu"), Name("activations.softplus"),
    Name("activations.Softsign"), Name("assigning.assign"), Name("assigning.update"),
    Name("attention.attention"), Name("convolution.convolution"),
    Name("convolution.convolution_weight_gradient"), Name("convolution.sum_channels"),
    Name("convolution.transposed_convolution"), Name("losses.cross_entropy_of_rows"),
    Name("losses.pick"), Name("ctc.ctc"), Name("elementwise.cast"),
    Name("embedding.embedding"), Name("grid_sampling.affine_grid"),
    Name("grid_sampling.grid_sample"), Name("indexing.add_at"), Name("indexing.getitem"),
    Name("matmul.linear"), Name("moving.to_device"), Name("normalization.batch_norm"),
    Name("normalization.batch_norm_activation"), Name("normalization.frozen_batch_norm"),
    Name("normalization.group_norm"), Name("normalization.instance_norm"),
    Name("normalization.layer_norm"), Name("normalization.rms_norm"),
    Name("normalization.scale_channels"),
    Name("pooling.adaptive_avg_pool"), Name("pooling.adaptive_max_pool"), Name("pooling.avg_pool"),
    Name("pooling.max_pool"), Name("pooling.max_unpool"), Name("random.dropout"),
    Name("synchronized.synchronized_batch_norm"),
    Name("resampling.interpolate"), Name("resampling.resample"), Name("scan.recurrence"),
    Name("sequences.gru"), Name("sequences.lstm"), Name("sequences.rnn"), Name("shape.broadcast"),
    Name("triangles.on_diagonal"), Name("unfold.unfold"), Name("unfold.fold"),
)
