print("has a mark: ä")
