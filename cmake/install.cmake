# What `cmake --install` and the Debian package contain. The profiles are embedded in the command; the installed copies
# are there to be read and copied.
include(GNUInstallDirs)
install(TARGETS writ RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS writ-tools RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/writ)

file(GLOB manual_pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/man/*.1)
find_program(WRIT_GZIP gzip REQUIRED)
foreach(page IN LISTS manual_pages)
  get_filename_component(name ${page} NAME)
  set(compressed ${PROJECT_BINARY_DIR}/man/${name}.gz)
  # -n: no time stamp, so that the same source gives the same package.
  add_custom_command(OUTPUT ${compressed} COMMAND ${WRIT_GZIP} -9nc ${page} > ${compressed} DEPENDS ${page})
  list(APPEND compressed_pages ${compressed})
endforeach()
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/man)
add_custom_target(writ_manual ALL DEPENDS ${compressed_pages})
install(FILES ${compressed_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/profiles/ DESTINATION ${CMAKE_INSTALL_DATADIR}/writ/profiles)
file(GLOB tool_manifests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/*.yaml ${PROJECT_SOURCE_DIR}/tools/*.schema.json)
install(FILES ${tool_manifests} DESTINATION ${CMAKE_INSTALL_DATADIR}/writ/tools)

set(completion ${PROJECT_SOURCE_DIR}/packaging/completion)
install(FILES ${completion}/writ.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME writ)
install(FILES ${completion}/writ.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions RENAME _writ)
install(FILES ${completion}/writ.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# For users that want it: systemctl --user enable --now writ-broker.socket
install(FILES ${PROJECT_SOURCE_DIR}/packaging/systemd/writ-broker.service ${PROJECT_SOURCE_DIR}/packaging/systemd/writ-broker.socket
        DESTINATION lib/systemd/user)

file(GLOB guides CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/docs/*.md)
install(FILES ${guides} DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/packaging/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME writ)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Writ developers <writ@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "launch programs that hold no authority of their own")
set(CPACK_PACKAGE_DESCRIPTION
    "Writ runs the tools of agents, CI jobs and batch runs in a view of the file system
that is made of what was granted and nothing else, without network, capabilities
or the system calls that they do not need.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
include(CPack)
