"""What tests of workflows and of the project share."""
