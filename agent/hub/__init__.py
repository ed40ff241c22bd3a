"""Hugging Face Hub client: calls the Hub with one owner's token, in threads, within bounds.

Owner: the user of a session; calls carry this user's token or none, never the server's own.
Call: what one thread does at the Hub for one caller, with a deadline and a largest answer.
Follow: to read a job's log while it is written.
Refusal: the Hub's answer that nothing was done; any other failure may have had an effect.
Flavor: a kind of hardware at the Hub, such as `cpu-basic`, with a price an hour.
"""
