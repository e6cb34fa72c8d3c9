import sys
import zipfile

with zipfile.ZipFile("/tmp/a.zip", "w") as archive:
    archive.writestr("zipped.py", "def f():\n    raise OSError('from the zip')\n")
sys.path.append("/tmp/a.zip")
import zipimport

import zipped

print(zipped.__file__, sorted(zipimport._zip_directory_cache), sorted(sys.path_importer_cache))
zipped.f()
