import warnings

for row in warnings.filters:
    print(row)
print(warnings.defaultaction, warnings.onceregistry, warnings.showwarning.__module__)
