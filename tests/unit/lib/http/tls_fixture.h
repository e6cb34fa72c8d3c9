/* For tests only: two self-signed certificates for 127.0.0.1, valid for a hundred years, and the key of the
 * first.
 *
 * openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 \
 *   -subj "/CN=skillbox test server" -addext "subjectAltName=IP:127.0.0.1,DNS:localhost" */
#ifndef SKILLBOX_TESTS_HTTP_TLS_FIXTURE_H
#define SKILLBOX_TESTS_HTTP_TLS_FIXTURE_H

static const char tls_cert[] = "-----BEGIN CERTIFICATE-----\n"
			       "MIIBsjCCAVegAwIBAgIUAr4llQ/87KoKicAE5Y3ugrmDDFMwCgYIKoZIzj0EAwIw\n"
			       "HzEdMBsGA1UEAwwUc2tpbGxib3ggdGVzdCBzZXJ2ZXIwIBcNMjYxMTI0MTIwNzQy\n"
			       "WhgPMjEyNjEwMzExMjA3NDJaMB8xHTAbBgNVBAMMFHNraWxsYm94IHRlc3Qgc2Vy\n"
			       "dmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEje5vvc/ONGb1jmrADjAm+u63\n"
			       "ClbPwELzliDJFaIHC2cQ72NoUu6IBkxgtBDobLNJzb6yk2Wnq09YerbhgQ4rmaNv\n"
			       "MG0wHQYDVR0OBBYEFF7QNsyXoE5BLuj3mR91h+FyHY60MB8GA1UdIwQYMBaAFF7Q\n"
			       "NsyXoE5BLuj3mR91h+FyHY60MA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYcE\n"
			       "fwAAAYIJbG9jYWxob3N0MAoGCCqGSM49BAMCA0kAMEYCIQCzL19v67mLgaiBTeDD\n"
			       "fcaTTsPOwNuO3KJmVcEfSfKtPgIhAPj9n3ExdimY/Ds6f1Rvb+0bzrPygt8xRZ8e\n"
			       "nAyIUB2E\n"
			       "-----END CERTIFICATE-----\n";

static const char tls_key[] = "-----BEGIN PRIVATE KEY-----\n"
			      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgBm0wnCW1Iu4fEfs1\n"
			      "d413TzYIqiLt8eK2FFH5OZNZN4ehRANCAASN7m+9z840ZvWOasAOMCb67rcKVs/A\n"
			      "QvOWIMkVogcLZxDvY2hS7ogGTGC0EOhss0nNvrKTZaerT1h6tuGBDiuZ\n"
			      "-----END PRIVATE KEY-----\n";

static const char tls_other_cert[] = "-----BEGIN CERTIFICATE-----\n"
				     "MIIBrjCCAVWgAwIBAgIUerFpP0h3N5SjpVwZvMXHJDyx8ccwCgYIKoZIzj0EAwIw\n"
				     "HjEcMBoGA1UEAwwTc2tpbGxib3ggdGVzdCBvdGhlcjAgFw0yNjExMjQxMjA3NDJa\n"
				     "GA8yMTI2MTAzMTEyMDc0MlowHjEcMBoGA1UEAwwTc2tpbGxib3ggdGVzdCBvdGhl\n"
				     "cjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAADYewuXHQZp+ozbwn5gkxp5Z7n\n"
				     "IgLZ/L0L7u4/zcal0wR/jaigGIISrNcUzMQOJotooYCEXHdvpaMwGtNfwT6jbzBt\n"
				     "MB0GA1UdDgQWBBRHl4OJvxVjln8B4d/qpLlep71YlDAfBgNVHSMEGDAWgBRHl4OJ\n"
				     "vxVjln8B4d/qpLlep71YlDAPBgNVHRMBAf8EBTADAQH/MBoGA1UdEQQTMBGHBH8A\n"
				     "AAGCCWxvY2FsaG9zdDAKBggqhkjOPQQDAgNHADBEAiARa4D2uaFyyAMZNGnkQ33t\n"
				     "5slD18Vuv7Ym+hXPWWK4fgIgUY3LrLw5XzO+2bXkR3KOACt6NfJdgJ/2y3umw0S2\n"
				     "tVg=\n"
				     "-----END CERTIFICATE-----\n";

#endif
