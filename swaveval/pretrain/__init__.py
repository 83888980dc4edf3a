"""Images to a checkpoint series: SwaV from lightly's parts on Lightning. The only package that trains."""
