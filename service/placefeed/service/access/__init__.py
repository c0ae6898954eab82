"""Who is who, who may call, and who did what."""
