"""An infant head written from scratch: template, growth, identity, expressions, cohorts, simulated scans."""

from inface.synthetic.template import template, template_colours

__all__ = ["template", "template_colours"]
