"""What comes in: screened for personal data first, then checked, kept and observed; a bad record never stops a good one."""
