ALTER ROLE tls_exporter PASSWORD 'demo';
