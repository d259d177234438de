"""An infant head written from scratch: template, growth, identity, expressions, cohorts, simulated scans."""

from inface.synthetic.scanner import SimulatedScan, simulate_scan
from inface.synthetic.template import template, template_colours

__all__ = ["SimulatedScan", "simulate_scan", "template", "template_colours"]
