"""Checks a learner gets: gradient checking that names the mistake, and verdict lines."""

from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from .autopsy import Autopsy as Autopsy
from .autopsy import autopsy as autopsy
from .compare import Comparison as Comparison
from .compare import compare as compare
from .explain import explain as explain
from .explanation import Explanation as Explanation
from .gradcheck import check_graph as check_graph
from .gradcheck import gradcheck as gradcheck
from .hand import check_gradients as check_gradients
from .layer import check_layer as check_layer
from .lint import Finding as Finding
from .lint import Lint as Lint
from .lint import lint as lint
from .manual import Grade as Grade
from .manual import Grades as Grades
from .manual import manual as manual
from .report import Check as Check
from .report import Report as Report

_answer_wrong_names(globals())
