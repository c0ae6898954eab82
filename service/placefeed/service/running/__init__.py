"""The parts of one running application, which routes and pages share."""
