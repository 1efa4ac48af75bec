"""The state machine as a picture: read from its definition, laid out, and written as SVG or Mermaid."""
