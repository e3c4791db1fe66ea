# mypy: disable-error-code="no-untyped-call"
"""Numba's compiler without the work that is done twice: from Python to LLVM's code as always, then

    a kernel    its own code and that of all helpers it calls, optimised together, to machine code
    a helper    its code as it is, to be linked into kernels

Numba optimises each function alone first, and makes machine code of each helper, though only the
copy that a kernel inlines ever runs. The first step of an MLP compiles 12 kernels with 33 helpers.
"""

from typing import Any

from numba import _dynfunc  # type: ignore[attr-defined]
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import (
    DumpParforDiagnostics,
    InlineOverloads,
    NativeLowering,
    NoPythonSupportedFeatureValidation,
)
from numba.core.untyped_passes import (
    DeadBranchPrune,
    FindLiterallyCalls,
    InlineClosureLikes,
    InlineInlinables,
    LiteralPropagationSubPipelinePass,
    LiteralUnroll,
    MakeFunctionToJitFunction,
    RewriteDynamicRaises,
    RewriteSemanticConstants,
    WithLifting,
)

from ...._util.collector import collector_paused

# Passes for what no kernel has: closures, comprehensions, `with`, arguments that may be None ...
# Without them the code is the same to the byte in 135 of 136 kernels, as large in the last, and a
# first step takes 4 % less time (2026-11-30).
NOT_NEEDED = {
    DeadBranchPrune, DumpParforDiagnostics, FindLiterallyCalls, InlineClosureLikes,
    InlineInlinables, InlineOverloads, LiteralPropagationSubPipelinePass, LiteralUnroll,
    MakeFunctionToJitFunction, NoPythonSupportedFeatureValidation, RewriteDynamicRaises,
    RewriteSemanticConstants, WithLifting,
}


class KernelLibrary(JITCodeLibrary):
    """The code of a kernel."""

    runs = 2  # of LLVM's passes

    def add_llvm_module(self, module: Any) -> None:
        """Add code, as it is."""
        self._final_module.link_in(module)

    def _optimize_final_module(self) -> None:
        """Run LLVM's passes, twice: loops whose bounds are known once helpers are inlined are
        unrolled by the second run alone. A step of ResNet-20 takes a fifth less time for it.
        """
        for _ in range(self.runs):
            passes, builder = self._codegen._module_pass_manager()
            passes.run(self._final_module, builder)


class InstructionsLibrary(KernelLibrary):
    """The code of a kernel whose instructions are written out: a second run only costs time."""

    runs = 1


class HelperLibrary(KernelLibrary):
    """The code of a helper, never run by itself."""

    def finalize(self) -> None:
        """Add the code of helpers that this one calls."""
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class KernelLowering(NativeLowering):
    """From typed code to machine code."""

    _name = "kernel_lowering"
    library: Any = KernelLibrary

    def run_pass(self, state: Any) -> bool:
        state.library = self.library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return bool(super().run_pass(state))


@register_pass(mutates_CFG=True, analysis_only=False)
class InstructionsLowering(KernelLowering):
    """The same, of written out instructions."""

    _name = "instructions_lowering"
    library = InstructionsLibrary


@register_pass(mutates_CFG=True, analysis_only=False)
class HelperLowering(NativeLowering):
    """From typed code to LLVM's."""

    _name = "helper_lowering"

    def run_pass(self, state: Any) -> bool:
        if state.targetctx.data_model_manager[state.return_type].contains_nrt_meminfo():
            raise TypeError(f"{state.func_id.func_qualname} returns an array: its caller, which may"
                            " not count references, would never free it")
        state.library = HelperLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        described, no_address = state.cr.fndesc, 0
        entry = _dynfunc.make_function(  # what Numba knows a function by; it cannot be called
            described.lookup_module(), described.qualname, "part of kernels", no_address,
            state.cr.env, (state.library,))
        state.targetctx.insert_user_function(entry, described, [state.library])
        state.cr = state.cr._replace(cfunc=entry)
        return True


class KernelCompiler(Compiler):
    """Compiles functions that Python or C calls."""

    lowering: Any = KernelLowering

    def compile_extra(self, function: Any) -> Any:
        """Compile, without the garbage collector."""
        with collector_paused():
            return super().compile_extra(function)

    def define_pipelines(self) -> list[Any]:
        """Numba's passes that kernels need, with another one for the last."""
        pipelines = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [
                (self.lowering if step is NativeLowering else step, text)
                for step, text in pipeline.passes if step not in NOT_NEEDED]
        return list(pipelines)


class InstructionsCompiler(KernelCompiler):
    """Compiles functions whose instructions an intrinsic writes out."""

    lowering = InstructionsLowering


class HelperCompiler(KernelCompiler):
    """Compiles functions that kernels call."""

    lowering = HelperLowering
