# Fuzzers want code that counts its branches and is quick. Those are other
# options than the precompiled headers have, so FUZZED modules do without.
set(fuzzed_options -fsanitize=fuzzer-no-link -O1)

# strongroom_module(NAME [FUZZED] [PCH kind] [DIR dir]
#                   [DEPS modules] [PRIVATE_DEPS modules]
#                   [LINKS libraries] [PRIVATE_LINKS libraries])
# One static library per module: every .cc of DIR (src/NAME unless it says
# otherwise) and of its folders, but main.cc. DEPS are the modules that it may
# include, PRIVATE_DEPS those that only its sources may and not its headers in
# include/: tests/arch reads both. PCH is the kind of precompiled header (precompiled.cmake),
# "module" unless it says otherwise. Parsers of a FUZZED module are fed by
# tests/fuzz.
function(strongroom_module name)
  cmake_parse_arguments(ARG "FUZZED" "DIR;PCH"
    "DEPS;PRIVATE_DEPS;LINKS;PRIVATE_LINKS" ${ARGN})
  if(NOT ARG_DIR)
    set(ARG_DIR src/${name})
  endif()
  file(GLOB sources CONFIGURE_DEPENDS
       ${CMAKE_SOURCE_DIR}/${ARG_DIR}/*.cc
       ${CMAKE_SOURCE_DIR}/${ARG_DIR}/*/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  add_library(strongroom_${name} STATIC ${sources})
  target_include_directories(strongroom_${name}
    PUBLIC ${CMAKE_SOURCE_DIR}/include
    PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
  set_target_properties(strongroom_${name} PROPERTIES LINKER_LANGUAGE CXX)
  if(NOT ARG_PCH)
    set(ARG_PCH module)
  endif()
  if(ARG_FUZZED AND STRONGROOM_FUZZ)
    target_compile_options(strongroom_${name} PRIVATE ${fuzzed_options})
  else()
    strongroom_precompiled(strongroom_${name} ${ARG_PCH})
  endif()
  foreach(dep ${ARG_DEPS} ${ARG_PRIVATE_DEPS})
    if(dep MATCHES "^strongroom_")
      target_link_libraries(strongroom_${name} PUBLIC ${dep})
    else()
      target_link_libraries(strongroom_${name} PUBLIC strongroom_${dep})
    endif()
  endforeach()
  target_link_libraries(strongroom_${name}
    PUBLIC ${ARG_LINKS} Threads::Threads PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# strongroom_program(NAME main.cc module...)
function(strongroom_program name main)
  add_executable(${name} ${main})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  foreach(module ${ARGN})
    target_link_libraries(${name} PRIVATE strongroom_${module})
  endforeach()
endfunction()

# strongroom_test(NAME DIR DEPS ... LABELS ...): every *_test.cc of tests/DIR,
# one program, one ctest entry per TEST.
function(strongroom_test name dir)
  cmake_parse_arguments(ARG "" "TIMEOUT" "DEPS;LABELS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${dir}/*_test.cc)
  if(NOT sources)
    message(STATUS "no tests yet in tests/${dir}")
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * ${time_factor}")
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE
    ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/src)
  strongroom_precompiled(${name} tests)
  target_link_libraries(${name} PRIVATE strongroom_testing ${ARG_DEPS}
                        GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT}
                       LABELS "${ARG_LABELS}")
endfunction()
