"""An infant head written from scratch: template, growth, identity, expressions, cohorts, simulated scans."""

from inface.synthetic.cohort import CohortPlan, cohort, shapes_for
from inface.synthetic.cohort_files import write_cohort
from inface.synthetic.deformity import DEFORMITIES, Deformity
from inface.synthetic.expression import PRESETS, UNITS, expression_weights
from inface.synthetic.head import head
from inface.synthetic.identity import SECOND_SETTING, Variation
from inface.synthetic.scan_plan import SECOND_SCANNER, ScanPlan
from inface.synthetic.scanner import SimulatedScan, simulate_scan
from inface.synthetic.template import template, template_colours

__all__ = [
    "DEFORMITIES",
    "PRESETS",
    "SECOND_SCANNER",
    "SECOND_SETTING",
    "UNITS",
    "CohortPlan",
    "Deformity",
    "ScanPlan",
    "SimulatedScan",
    "Variation",
    "cohort",
    "expression_weights",
    "head",
    "shapes_for",
    "simulate_scan",
    "template",
    "template_colours",
    "write_cohort",
]
