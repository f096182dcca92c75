# What the FMUs of this folder and of test/fmus are built with.
#
# TWINBRIDGE_FMUS_DIR: where the folders of the FMUs go.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
get_filename_component(repository "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)

# The folder below binaries/: its name up to FMI 2.0, and its name in FMI 3.0.
if(CMAKE_SIZEOF_VOID_P EQUAL 8)
  set(bits 64)
else()
  set(bits 32)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  set(processor aarch64)
elseif(bits EQUAL 64)
  set(processor x86_64)
else()
  set(processor x86)
endif()
if(WIN32)
  set(platform win${bits})
  set(tuple ${processor}-windows)
elseif(APPLE)
  set(platform darwin${bits})
  set(tuple ${processor}-darwin)
else()
  set(platform linux${bits})
  set(tuple ${processor}-linux)
endif()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# <name>/model.c becomes <TWINBRIDGE_FMUS_DIR>/<name>/binaries/<folder>/<name>.so, with the description beside binaries/.
function(add_fmu name folder)
  add_library(${name} MODULE ${name}/model.c)
  target_include_directories(${name} PRIVATE
    "${CMAKE_CURRENT_SOURCE_DIR}" "${repository}/examples/fmus" "${repository}/fmu-shim/include")
  set_target_properties(${name} PROPERTIES
    C_STANDARD 11
    C_VISIBILITY_PRESET hidden
    PREFIX ""
    LIBRARY_OUTPUT_DIRECTORY "$<1:${TWINBRIDGE_FMUS_DIR}/${name}/binaries/${folder}>"
    LINK_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${name}/modelDescription.xml") # which is copied after linking
  if(APPLE)
    set_target_properties(${name} PROPERTIES SUFFIX ".dylib")
  endif()
  if(NOT MSVC)
    target_compile_options(${name} PRIVATE -Wall -Wextra)
  endif()
  if(UNIX)
    target_link_libraries(${name} PRIVATE m Threads::Threads)
  endif()
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E copy_if_different "${CMAKE_CURRENT_SOURCE_DIR}/${name}/modelDescription.xml"
      "${TWINBRIDGE_FMUS_DIR}/${name}/modelDescription.xml")
endfunction()
