add_library(usermod_hostlink INTERFACE)
target_sources(usermod_hostlink INTERFACE ${CMAKE_CURRENT_LIST_DIR}/hostlink.c)
target_link_libraries(usermod INTERFACE usermod_hostlink)
