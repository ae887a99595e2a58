# A room is a folder under src/ and a library. What it may include is exactly what it USES, directly or through
# those: each room's headers are visible only through its own include root, build/rooms/<room>/<room> -> src/<room>.

# The standard library's headers are compiled once and used by every room. Not the project's own: a precompiled
# header that ccache brings from another checkout would know them by that checkout's paths, and include them again.
# Only g++ takes part, so the builds with clang find every include that is missing. Both targets are without
# definitions of their own, as g++ wants it.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT TARGET millrace_precompiled)
    # The first for ccache; the second because a precompiled header is used only where it is set alike.
    add_compile_options(-fpch-preprocess -pthread)
    set(precompiled ${CMAKE_SOURCE_DIR}/src/base/standard_headers.h)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/precompiled.cc CONTENT "int main() { return 0; }\n" @ONLY)
    add_library(millrace_precompiled OBJECT ${CMAKE_BINARY_DIR}/generated/precompiled.cc)
    target_link_libraries(millrace_precompiled PRIVATE fmt::fmt)
    target_precompile_headers(millrace_precompiled PRIVATE ${precompiled})
    if(MILLRACE_TESTS)
        # A program, since programs are compiled with -fPIE and libraries with -fPIC.
        add_executable(millrace_precompiled_test ${CMAKE_BINARY_DIR}/generated/precompiled.cc)
        target_link_libraries(millrace_precompiled_test PRIVATE fmt::fmt GTest::gtest)
        target_precompile_headers(millrace_precompiled_test PRIVATE ${precompiled} <gtest/gtest.h>)
    endif()
    # What ccache hashes instead of the compiled header (CCACHE_PCH_EXTSUM), whose bytes hold the checkout's path.
    set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${precompiled})
    file(SHA256 ${precompiled} sum)
    foreach(target millrace_precompiled millrace_precompiled_test)
        file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/CMakeFiles/${target}.dir/cmake_pch.hxx.gch.sum
            CONTENT "${sum} fmt ${fmt_VERSION} gtest ${GTest_VERSION} ${CMAKE_CXX_COMPILER_VERSION}\n" @ONLY)
    endforeach()
endif()

# millrace_room(<name> USES <rooms...> LIBRARIES <third parties...> PUBLIC_LIBRARIES <third parties seen in headers...>)
# Sources are every .cc below the folder; *_test.cc go to the binary test_<name>. SEPARATE: never one unit, since the
# files of such a room name the same things alike.
function(millrace_room name)
    cmake_parse_arguments(ARG "SEPARATE" "" "USES;LIBRARIES;PUBLIC_LIBRARIES" ${ARGN})
    set(folder ${CMAKE_SOURCE_DIR}/src/${name})
    file(GLOB_RECURSE all_sources CONFIGURE_DEPENDS ${folder}/*.cc)
    set(sources ${all_sources})
    list(FILTER sources EXCLUDE REGEX "_test\\.cc$|/main\\.cc$")
    set(tests ${all_sources})
    list(FILTER tests INCLUDE REGEX "_test\\.cc$")

    set(view ${CMAKE_BINARY_DIR}/rooms/${name})
    file(MAKE_DIRECTORY ${view})
    file(CREATE_LINK ${folder} ${view}/${name} SYMBOLIC)

    get_property(collected GLOBAL PROPERTY millrace_collected_${name})
    list(APPEND sources ${collected})
    add_library(millrace_${name} STATIC ${sources})
    target_include_directories(millrace_${name} PUBLIC ${view})
    target_link_libraries(millrace_${name} PUBLIC fmt::fmt ${ARG_PUBLIC_LIBRARIES} PRIVATE ${ARG_LIBRARIES})
    foreach(used IN LISTS ARG_USES)
        target_link_libraries(millrace_${name} PUBLIC millrace_${used})
    endforeach()
    if(TARGET millrace_precompiled)
        target_precompile_headers(millrace_${name} REUSE_FROM millrace_precompiled)
    endif()
    if(MILLRACE_UNITY AND NOT ARG_SEPARATE)
        # All files of a room in one, so that a name used twice is found here and not when files are added.
        set_target_properties(millrace_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
        if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
            target_compile_options(millrace_${name} PRIVATE -Wno-subobject-linkage)
        endif()
    endif()
    if(MILLRACE_TESTS AND tests)
        add_executable(test_${name} ${tests})
        if(TARGET millrace_precompiled_test)
            target_precompile_headers(test_${name} REUSE_FROM millrace_precompiled_test)
        endif()
        target_link_libraries(test_${name} PRIVATE millrace_${name} ${ARG_LIBRARIES} GTest::gtest GTest::gtest_main)
        add_test(NAME ${name} COMMAND test_${name})
        set_tests_properties(${name} PROPERTIES TIMEOUT 600)
    endif()
endfunction()

# some/file_name -> someFileName
function(millrace_camel_case out text)
    string(REGEX REPLACE "[/_.-]+" ";" words "${text}")
    set(result "")
    foreach(word IN LISTS words)
        if(result STREQUAL "")
            set(result ${word})
        else()
            string(SUBSTRING ${word} 0 1 first)
            string(TOUPPER ${first} first)
            string(SUBSTRING ${word} 1 -1 rest)
            string(APPEND result ${first}${rest})
        endif()
    endforeach()
    set(${out} ${result} PARENT_SCOPE)
endfunction()

# millrace_collect(<room> GLOB <pattern below the room> TYPE <descriptor type> HEADER <header declaring it>
#                  LIST <name of the list function> [NAMESPACE <where both live, if not in millrace>])
# Each file src/<room>/a/b_c.cc that matches defines `TYPE describeABC()` (describe + the path in camel case, or, with
# FOLDERS, the folder's name: then only <folder>/<folder>.cc counts), and LIST() returns all of them, in path order. Call it before millrace_room(<room>).
function(millrace_collect room)
    cmake_parse_arguments(ARG "FOLDERS" "GLOB;TYPE;HEADER;LIST;NAMESPACE" "" ${ARGN})
    file(GLOB files CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/src/${room} ${CMAKE_SOURCE_DIR}/src/${room}/${ARG_GLOB})
    list(FILTER files EXCLUDE REGEX "_test\\.cc$")
    list(SORT files)
    set(declarations "")
    set(calls "")
    foreach(file IN LISTS files)
        if(ARG_FOLDERS)
            get_filename_component(stem ${file} DIRECTORY)
            if(NOT file STREQUAL "${stem}/${stem}.cc")
                continue()
            endif()
        else()
            string(REGEX REPLACE "\\.cc$" "" stem ${file})
        endif()
        millrace_camel_case(symbol "describe/${stem}")
        string(APPEND declarations "${ARG_TYPE} ${symbol}();\n")
        string(APPEND calls "        all.push_back(${symbol}());\n")
    endforeach()
    if(NOT ARG_NAMESPACE)
        set(ARG_NAMESPACE millrace)
    endif()
    set(output ${CMAKE_BINARY_DIR}/generated/${room}/${ARG_LIST}.cc)
    file(CONFIGURE OUTPUT ${output} CONTENT
"// Generated by cmake/room.cmake from src/${room}/${ARG_GLOB}.
#include \"${ARG_HEADER}\"

namespace ${ARG_NAMESPACE} {
${declarations}
const std::vector<${ARG_TYPE}>& ${ARG_LIST}() {
    static const std::vector<${ARG_TYPE}> collected = [] {
        std::vector<${ARG_TYPE}> all;
${calls}        return all;
    }();
    return collected;
}
}  // namespace ${ARG_NAMESPACE}
" @ONLY)
    set_property(GLOBAL APPEND PROPERTY millrace_collected_${room} ${output})
endfunction()

# millrace_embed(<room> FOLDER <folder below the room> HEADER <header declaring it> LIST <name of the list function>)
# LIST() returns the folder's files with what is in them, in order of their names, so that the binary needs no files beside it.
# Call it before millrace_room(<room>).
function(millrace_embed room)
    cmake_parse_arguments(ARG "" "FOLDER;HEADER;LIST" "" ${ARGN})
    set(folder ${CMAKE_SOURCE_DIR}/src/${room}/${ARG_FOLDER})
    file(GLOB files CONFIGURE_DEPENDS ${folder}/*)
    set(output ${CMAKE_BINARY_DIR}/generated/${room}/${ARG_LIST}.cc)
    add_custom_command(OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} -D FOLDER=${folder} -D HEADER=${ARG_HEADER} -D LIST=${ARG_LIST} -D OUTPUT=${output}
            -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
        DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
    set_property(GLOBAL APPEND PROPERTY millrace_collected_${room} ${output})
endfunction()

# millrace_link_named_rooms(<target> <source>): links the rooms that the source names in a line near its head,
# `// Rooms: formats sql`. For programs that stand in no room: fuzz targets, benchmarks, simulations.
function(millrace_link_named_rooms target source)
    file(STRINGS ${source} rooms LIMIT_COUNT 1 REGEX "^// Rooms: ")
    if(NOT rooms)
        message(FATAL_ERROR "${source} has no line `// Rooms: <rooms it is built against>`")
    endif()
    string(REGEX REPLACE "^// Rooms: *" "" rooms "${rooms}")
    string(REGEX REPLACE " +" ";" rooms "${rooms}")
    foreach(room IN LISTS rooms)
        target_link_libraries(${target} PRIVATE millrace_${room})
    endforeach()
endfunction()
