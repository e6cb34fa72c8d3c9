class Thing:
    def method(self, *arguments, **options):
        raise TypeError(
            "the text\nof two lines"
        )


(Thing()
    .method(1,
            2, x=3))
