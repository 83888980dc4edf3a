"""How files nobody vouched for are read: in a process of their own, which may crash, starve or be killed.

1. `reader.Reader` (our side) starts one *server* (`server`), which imports torch, warms up and then only forks.
2. A fork waits for one request. It comes with a socket of its own, over which everything of this file is said.
3. The fork limits its memory and time, checks that the file is whole and unpickles it safely (`formats`): no code of
   the file runs, objects beside the weights become inert records.
4. It *describes* the file (`contents`): names, dtypes and shapes, small values; JSON, which `description` checks.
5. We name the tensors we want. For each the fork copies its record to memory of its own, holds the copy against the
   CRC-32 in the file (`handing_over`), and sends that copy: what is checked is what is used.
6. We put the bytes into tensors of the described shapes, allocated here within bounds. Nothing else comes across.
7. A `Failure` on either side is one sentence and one state. We close the socket, or something kills the fork: it ends,
   the server says how and at what cost (`Usage`), and the next fork is made.
A message is a length and JSON, and where it says so bytes behind it (`wire`); there is no other way across.
"""
