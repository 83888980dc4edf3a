"""The process that opens files nobody vouched for. It may crash, starve or be killed; its parent goes on.

It imports nothing of swaveval but its own modules, and answers in JSON and safetensors only.
"""
