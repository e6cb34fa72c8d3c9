# Compiler settings and the three kinds of target that this project has.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # _GNU_SOURCE: Linux only, but for the command line
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(SKILLBOX_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(SKILLBOX_FUZZ "the libFuzzer targets of tests/fuzz, and all code instrumented for them; clang only" OFF)

add_compile_definitions(_GNU_SOURCE SKILLBOX_VERSION="${PROJECT_VERSION}")
add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wvla
                    -Werror -fstack-protector-strong -fno-common)
# Messages are cut on purpose where a buffer ends; gcc's guess at it differs with the level of optimization.
add_compile_options($<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>)
include_directories(${CMAKE_SOURCE_DIR})
add_compile_options(-include ${CMAKE_SOURCE_DIR}/lib/base/banned.h)

if(SKILLBOX_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
else()
  add_compile_options($<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
endif()
# CMake's own -O3 makes larger programs that are no quicker: they wait. What nothing calls is left out.
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG -ffunction-sections -fdata-sections")
include(CheckLinkerFlag)
check_linker_flag(C "-Wl,--gc-sections,-z,relro,-z,now" SKILLBOX_ELF_LINKER) # the command line is built elsewhere, too
if(SKILLBOX_ELF_LINKER)
  add_link_options($<$<CONFIG:Release>:-Wl,--gc-sections> -Wl,-z,relro,-z,now)
endif()
if(SKILLBOX_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# skillbox_library(NAME SOURCES… LINK LIBS…): a static library of one lib/ folder, target sb_NAME
function(skillbox_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(sb_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(sb_${name} PUBLIC ${ARG_LINK})
endfunction()

# skillbox_program(NAME SOURCES… LINK LIBS…): an executable bin/NAME
function(skillbox_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  target_compile_options(${name} PRIVATE -fPIE)
  target_link_options(${name} PRIVATE -pie)
endfunction()

# skillbox_unit_test(FILE LINK LIBS…): one cmocka program a test file; the test's name is its path below tests/unit
function(skillbox_unit_test file)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR}/tests/unit ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  string(REGEX REPLACE "\\.c$" "" path ${path})
  string(REPLACE "/" "-" target unit-${path})
  add_executable(${target} ${file})
  target_link_libraries(${target} PRIVATE ${ARG_LINK} PkgConfig::CMOCKA)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME unit/${path} COMMAND ${target} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests)
  set_tests_properties(unit/${path} PROPERTIES TIMEOUT 60)
endfunction()

# skillbox_embed(FILE HEADER ARRAY): a source of this folder as a C array in a header, which is made when it is built
function(skillbox_embed file header array)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  get_filename_component(folder ${header} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(OUTPUT ${header} COMMAND embed ${source} ${header} ${array} DEPENDS embed ${source} VERBATIM)
endfunction()
