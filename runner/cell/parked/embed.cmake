# cmake -DFROM=file -DTO=header -DNAME=array -P embed.cmake: a file as a C array.
file(READ ${FROM} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
file(WRITE ${TO} "/* made by runner/cell/parked/embed.cmake */\nstatic const unsigned char ${NAME}[] = {\n${bytes}\n};\n")
