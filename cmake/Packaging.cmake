# cmake --install, and the Debian package (cpack -G DEB). For paths under /etc configure with CMAKE_INSTALL_PREFIX=/usr, as
# deploy/package.sh does.
set(data ${CMAKE_INSTALL_DATADIR}/pg_tls_exporter)
set(doc ${CMAKE_INSTALL_DATADIR}/doc/pg-tls-exporter)

install(TARGETS pg_tls_exporter)
install(DIRECTORY deploy/prometheus DESTINATION ${data})
install(DIRECTORY grafana/dashboards grafana/provisioning DESTINATION ${data}/grafana)
install(DIRECTORY deploy/sql DESTINATION ${data} FILES_MATCHING PATTERN *.sql)
install(FILES deploy/man/pg_tls_exporter.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES deploy/completions/pg_tls_exporter DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES deploy/systemd/pg_tls_exporter.service deploy/systemd/pg_tls_exporter-textfile.service
  deploy/systemd/pg_tls_exporter-textfile.timer DESTINATION lib/systemd/system)
install(FILES deploy/debian/config.yml DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/pg_tls_exporter)
install(FILES deploy/debian/default DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/default RENAME pg_tls_exporter)
install(FILES README.md CHANGELOG.md CONTRIBUTING.md DESTINATION ${doc})
install(DIRECTORY docs DESTINATION ${doc})
install(FILES LICENSE DESTINATION ${doc} RENAME copyright)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pg-tls-exporter)
set(CPACK_PACKAGE_VENDOR "pg_tls_exporter")
set(CPACK_PACKAGE_CONTACT "pg_tls_exporter maintainers <root@localhost>")
set(CPACK_STRIP_FILES ON)
# Files under /etc stand outside the prefix.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# Each release has other libraries. The package of a newer one replaces that of an older one: 0.1.0+deb13 is after 0.1.0+deb12.
cmake_host_system_information(RESULT debian QUERY DISTRIB_VERSION_ID)
set(CPACK_DEBIAN_PACKAGE_VERSION "${PROJECT_VERSION}+deb${debian}")
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "passwd")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "prometheus, prometheus-alertmanager")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${PROJECT_SOURCE_DIR}/deploy/debian/postinst
  ${PROJECT_SOURCE_DIR}/deploy/debian/prerm
  ${PROJECT_SOURCE_DIR}/deploy/debian/postrm
  ${PROJECT_SOURCE_DIR}/deploy/debian/conffiles)
include(CPack)
