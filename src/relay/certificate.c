// SPDX-License-Identifier: MIT
#include "relay/certificate.h"

#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "net/tls.h"

/* A machine's name; POSIX has no longer ones. */
#define MACHINE_CAP 256

void
cl_relay_certificate_init(struct cl_relay_certificate *certificate)
{
    *certificate = (struct cl_relay_certificate){.is_key_new = false};
    cl_buf_init(&certificate->key, CL_TLS_FILE_BYTES_MAX);
    cl_buf_init(&certificate->certificate, CL_TLS_FILE_BYTES_MAX);
}

void
cl_relay_certificate_done(struct cl_relay_certificate *certificate)
{
    if (certificate->key.ptr != NULL)
        cl_secret_wipe(certificate->key.ptr, certificate->key.cap);
    cl_buf_done(&certificate->key);
    cl_buf_done(&certificate->certificate);
}

static void
add(struct cl_tls_names *names, cl_str name)
{
    for (size_t at = 0; at < names->len; at++)
        if (cl_str_eq_nocase(names->list[at], name))
            return;
    if (name.len > 0 && names->len < CL_TLS_NAMES_MAX) // the cap is above what options can say
        names->list[names->len++] = name;
}

static void
add_list(struct cl_tls_names *names, cl_str list)
{
    while (list.len > 0) {
        cl_str name;
        (void)cl_str_split(list, ',', &name, &list); // without a comma it is the last one
        add(names, cl_str_trim(name));
    }
}

static bool
is_wildcard(cl_str host)
{
    return cl_str_eq(host, CL_STR("*")) || cl_str_eq(host, CL_STR("0.0.0.0")) ||
           cl_str_eq(host, CL_STR("::"));
}

enum cl_err
cl_relay_certificate_make(struct cl_relay_certificate *certificate, cl_str host, cl_str allow_hosts,
                          struct cl_why *why)
{
    struct cl_tls_names names = {0};
    char machine[MACHINE_CAP];
    add(&names, CL_STR("localhost"));
    add(&names, CL_STR("127.0.0.1"));
    add(&names, CL_STR("::1"));
    if (gethostname(machine, sizeof machine) == 0 && memchr(machine, '\0', sizeof machine) != NULL)
        add(&names, cl_str_z(machine));
    if (!is_wildcard(host))
        add(&names, host);
    add_list(&names, allow_hosts);

    if (certificate->key.len == 0) {
        certificate->is_key_new = true;
        enum cl_err err = cl_tls_key_make(&certificate->key, why);
        if (err != CL_OK)
            return err;
    }
    cl_str key = cl_buf_str(&certificate->key);
    if (cl_tls_certificate_fits(cl_buf_str(&certificate->certificate), key, &names))
        return CL_OK;
    certificate->is_certificate_new = true;
    cl_buf_clear(&certificate->certificate);
    return cl_tls_self_sign(key, &names, &certificate->certificate, why);
}
