"""Landmark formats, each as a pair: text to data, and points to text."""
