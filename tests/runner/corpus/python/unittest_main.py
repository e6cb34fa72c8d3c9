import unittest


class Case(unittest.TestCase):
    def test_good(self):
        self.assertEqual(1, 1)

    def test_bad(self):
        self.assertEqual({"a": 1}, {"a": 2})


class Result(unittest.TextTestResult):
    separator1 = separator2 = "-"


unittest.main(testRunner=unittest.TextTestRunner(resultclass=Result, descriptions=False, verbosity=2), exit=True, defaultTest="Case.test_bad")
