# Flags that hold for every target: warnings, hardening, sanitizers, reproducible paths.
set(HINOMI_SANITIZE "" CACHE STRING "Comma-separated sanitizers, for example address,undefined")
option(HINOMI_COVERAGE "Instrument for llvm-cov" OFF)

add_library(hinomi_flags INTERFACE)
target_compile_options(hinomi_flags INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wextra-semi -Wimplicit-fallthrough -Wthread-safety
  -Wno-missing-field-initializers
  -fstack-protector-strong -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=
  $<$<BOOL:${HINOMI_WERROR}>:-Werror>)
target_compile_definitions(hinomi_flags INTERFACE
  $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2> _GLIBCXX_ASSERTIONS)
target_link_options(hinomi_flags INTERFACE -fuse-ld=lld -Wl,-z,relro,-z,now)
if(HINOMI_SANITIZE)
  target_compile_options(hinomi_flags INTERFACE
    -fsanitize=${HINOMI_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  target_link_options(hinomi_flags INTERFACE -fsanitize=${HINOMI_SANITIZE})
endif()
if(HINOMI_FUZZ)
  target_compile_options(hinomi_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(HINOMI_COVERAGE)
  target_compile_options(hinomi_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(hinomi_flags INTERFACE -fprofile-instr-generate)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
