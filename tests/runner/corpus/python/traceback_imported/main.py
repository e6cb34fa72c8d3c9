import sys
import package.module

print(package.__path__, package.module.__spec__, package.module.__cached__, sys.path[0])
package.module.run()
