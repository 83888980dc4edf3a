"""A file nobody vouched for to a Backbone that can be trusted, or a typed refusal."""
