# ccache, if it is installed. The settings let it work with precompiled headers,
# and let clones in different folders use each other's work.
find_program(STRONGROOM_CCACHE ccache)
if(STRONGROOM_CCACHE)
  set(sloppiness pch_defines,time_macros,include_file_mtime,include_file_ctime)
  foreach(language C CXX)
    set(CMAKE_${language}_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
        CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=${sloppiness} ${STRONGROOM_CCACHE})
  endforeach()
endif()
