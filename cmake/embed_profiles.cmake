# Compiles hsm/profiles/*.yaml into strongroom_hsm: the files are the source of
# truth, and a binary needs no files beside it to know its devices.
file(GLOB strongroom_profiles CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/hsm/profiles/*.yaml)
set(profile_entries "")
foreach(path ${strongroom_profiles})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  get_filename_component(stem ${path} NAME_WE)
  file(READ ${path} text)
  string(APPEND profile_entries
         "    {\"${stem}\", R\"profile(${text})profile\"},\n")
endforeach()
configure_file(${CMAKE_SOURCE_DIR}/src/hsm/embedded_profiles.cc.in
               ${CMAKE_BINARY_DIR}/generated/embedded_profiles.cc @ONLY)
target_sources(strongroom_hsm PRIVATE
               ${CMAKE_BINARY_DIR}/generated/embedded_profiles.cc)
