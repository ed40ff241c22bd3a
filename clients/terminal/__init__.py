"""Terminal client, `holdfast chat`: a conversation with a session in a terminal.

Line: what a person typed up to Enter: a message, a command that begins with `/`, or the answer to a question.
Question: a call that waits for approval, shown with the answers that are possible.
Render: events in, text for the terminal out.
"""
