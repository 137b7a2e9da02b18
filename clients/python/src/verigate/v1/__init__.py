"""The messages of `proto/verigate/v1/access.proto`, generated: see CONTRIBUTING.md of Verigate."""
