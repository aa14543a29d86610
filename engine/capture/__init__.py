"""AMI sessions for bug reports: `record` writes one to a file with secrets, numbers and names masked (`mask`), and
`replay` plays such a file to a panel. `file` is the format; docs/reporting.md says what a user does with it.
"""
