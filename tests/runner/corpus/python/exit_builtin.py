print(exit, quit, copyright, credits)
exit(9)
