"""The routes: parse, authorise, call one operation, shape the answer. No SQL and no rules here."""
