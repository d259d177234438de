"""Measure a model: shape figures on any population, leakage with labels, edit errors against known factors."""

from inface.evaluation.evaluate import evaluate
from inface.evaluation.factors import EditError, Editor, ModelEditor, Truth, edit_errors, synthetic_truth
from inface.evaluation.figures import Figure
from inface.evaluation.leakage import network_r2, retrieval, ridge_r2
from inface.evaluation.report import Evaluation
from inface.evaluation.shape import compactness, completion, generalisation, leave_one_out, specificity

__all__ = [
    "EditError",
    "Editor",
    "Evaluation",
    "Figure",
    "ModelEditor",
    "Truth",
    "compactness",
    "completion",
    "edit_errors",
    "evaluate",
    "generalisation",
    "leave_one_out",
    "network_r2",
    "retrieval",
    "ridge_r2",
    "specificity",
    "synthetic_truth",
]
