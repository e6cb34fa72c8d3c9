größe = 3
π = 3.14
print(größe * π, "𝒳 日本語 🙂")
raise RuntimeError("日本語")
