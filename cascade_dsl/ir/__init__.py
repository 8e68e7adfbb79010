"""The waist: types, residual expressions, the graph template, requirements and events.

Every other room meets the rest of the house here and only here. All of it is frozen data that encodes to JSON
(`codec`) and prints itself (`text`). A change to a class here is a decision record and a schema number.
"""
