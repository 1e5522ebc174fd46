# hinomi_module: one room of the house as one static library whose arrows the build enforces.
#
#   hinomi_module(<room> SOURCES a.cpp … [TESTS a_test.cpp …] [FUZZ a_fuzz.cpp …] [BENCH a_bench.cpp …]
#                 [DEPENDS room …] [LINKS target …] [PUBLIC_LINKS target …])
#
# <room> is the folder under src/, for example `base` or `observe/endpoint`; the target is hinomi_<room> with / as _.
#   DEPENDS  rooms declared before this one; anything else stops the configuration (so no cycle can be written).
#   LINKS    libraries that only this room's .cpp files see. PUBLIC_LINKS: libraries that its headers show.
# Each room has an include root that holds its own headers alone, and its dependencies stay private: a header of a
# room that is not in DEPENDS does not compile.
set_property(GLOBAL PROPERTY HINOMI_ROOMS "")
add_custom_target(unit_tests)         # every room's test program
add_custom_target(fuzz_targets)       # every room's fuzz programs
add_custom_target(generated_headers)  # what clang-tidy needs before it can read the sources

function(hinomi_module room)
  cmake_parse_arguments(M "" "" "SOURCES;TESTS;FUZZ;BENCH;DEPENDS;LINKS;PUBLIC_LINKS" ${ARGN})
  if(M_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "hinomi_module(${room}): unknown arguments ${M_UNPARSED_ARGUMENTS}")
  endif()
  string(REPLACE "/" "_" name ${room})
  set(target hinomi_${name})

  get_property(rooms GLOBAL PROPERTY HINOMI_ROOMS)
  set(dependencies "")
  foreach(dependency IN LISTS M_DEPENDS)
    if(NOT dependency IN_LIST rooms)
      message(FATAL_ERROR "room '${room}' depends on '${dependency}', which is not a room above it "
                          "(rooms above: ${rooms}); see docs/architecture.md")
    endif()
    string(REPLACE "/" "_" dependency_name ${dependency})
    list(APPEND dependencies hinomi_${dependency_name})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY HINOMI_ROOMS ${room})

  set(root ${CMAKE_BINARY_DIR}/include/${name})
  get_filename_component(parent ${root}/hinomi/${room} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/hinomi/${room} SYMBOLIC)

  add_library(${target} STATIC ${M_SOURCES})
  target_include_directories(${target} PUBLIC ${root})
  target_link_libraries(${target} PUBLIC hinomi_flags ${M_PUBLIC_LINKS} PRIVATE ${dependencies} ${M_LINKS})

  if(HINOMI_TESTS AND M_TESTS)
    add_executable(${target}_test ${M_TESTS})
    target_link_libraries(${target}_test PRIVATE ${target} ${dependencies} ${M_LINKS} GTest::gtest_main)
    set_target_properties(${target}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
    target_compile_definitions(${target}_test PRIVATE HINOMI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_dependencies(unit_tests ${target}_test)
    gtest_discover_tests(${target}_test TEST_PREFIX "${room}: " DISCOVERY_MODE PRE_TEST
      PROPERTIES LABELS unit TIMEOUT 120)
  endif()
  if(HINOMI_FUZZ)
    foreach(source IN LISTS M_FUZZ)
      get_filename_component(fuzzer ${source} NAME_WE)
      add_executable(${name}_${fuzzer} ${source})
      target_link_libraries(${name}_${fuzzer} PRIVATE ${target} ${dependencies} ${M_LINKS})
      target_link_options(${name}_${fuzzer} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzz_targets ${name}_${fuzzer})
      set_target_properties(${name}_${fuzzer} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    endforeach()
  endif()
  if(HINOMI_BENCH)
    foreach(source IN LISTS M_BENCH)
      get_filename_component(bench ${source} NAME_WE)
      add_executable(${name}_${bench} ${source})
      target_link_libraries(${name}_${bench} PRIVATE ${target} ${dependencies} ${M_LINKS} benchmark::benchmark_main)
      target_compile_definitions(${name}_${bench} PRIVATE HINOMI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
      set_target_properties(${name}_${bench} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
    endforeach()
  endif()
endfunction()

# hinomi_program(<name> SOURCES … ROOMS … [LINKS …]): a composition root. Only here may any room be joined with any other.
function(hinomi_program program)
  cmake_parse_arguments(P "" "" "SOURCES;ROOMS;LINKS" ${ARGN})
  string(REPLACE "-" "_" target ${program})
  add_executable(${target} ${P_SOURCES})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${program})
  set(rooms "")
  foreach(room IN LISTS P_ROOMS)
    string(REPLACE "/" "_" name ${room})
    list(APPEND rooms hinomi_${name})
  endforeach()
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE hinomi_flags ${rooms} ${P_LINKS})
endfunction()
