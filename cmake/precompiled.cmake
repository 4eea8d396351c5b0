# Precompiled headers: what most files of a kind include is parsed once in a
# configuration, and every target of that kind uses the same result. They are
# for speed alone: tests/arch compiles each header without them, and clang-tidy
# reads every file of src and hsm without them.
#
# None of our own headers is in them: those change, and g++ knows a file with
# `#pragma once` by its time, so that a precompiled one from the compiler cache
# would be read twice.
#
# strongroom_precompile(KIND LINKS ... HEADERS ...) makes one.
# strongroom_precompiled(TARGET KIND) lets TARGET use it.
option(STRONGROOM_PCH "Use precompiled headers" ON)

function(strongroom_precompile kind)
  cmake_parse_arguments(ARG "" "" "LINKS;HEADERS" ${ARGN})
  if(NOT STRONGROOM_PCH)
    return()
  endif()
  set(unit ${CMAKE_BINARY_DIR}/precompiled/${kind}.cc)
  file(CONFIGURE OUTPUT ${unit} CONTENT "")
  add_library(strongroom_pch_${kind} OBJECT ${unit})
  # clang would refuse one that another clone made, by the times of its files.
  target_compile_options(strongroom_pch_${kind} PRIVATE
    "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
  target_link_libraries(strongroom_pch_${kind} PRIVATE ${ARG_LINKS})
  target_precompile_headers(strongroom_pch_${kind} PRIVATE ${ARG_HEADERS})
endfunction()

function(strongroom_precompiled target kind)
  if(STRONGROOM_PCH)
    target_precompile_headers(${target} REUSE_FROM strongroom_pch_${kind})
  endif()
endfunction()

set(precompiled_std
  <algorithm> <array> <atomic> <chrono> <condition_variable> <cstdint> <cstring>
  <deque> <fstream> <functional> <map> <memory> <mutex> <optional> <set> <span>
  <sstream> <string> <string_view> <thread> <tuple> <unordered_map> <utility>
  <variant> <vector> <absl/status/status.h> <absl/status/statusor.h>)

strongroom_precompile(module LINKS absl::status absl::statusor
  HEADERS ${precompiled_std})
if(STRONGROOM_EDGE)
  strongroom_precompile(edge LINKS gRPC::grpc++
    HEADERS ${precompiled_std} <grpcpp/grpcpp.h>)
  strongroom_precompile(cli LINKS CLI11::CLI11 absl::status absl::statusor
    HEADERS ${precompiled_std}
            <CLI/App.hpp> <CLI/Config.hpp> <CLI/Formatter.hpp>)
endif()
if(STRONGROOM_TESTS)
  strongroom_precompile(tests LINKS GTest::gmock absl::status absl::statusor
    HEADERS ${precompiled_std} <gtest/gtest.h>
            <gmock/gmock.h>)
endif()
