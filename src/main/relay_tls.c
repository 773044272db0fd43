// SPDX-License-Identifier: MIT
#include "main/relay_tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/file.h"
#include "relay/certificate.h"

#define FOLDER           "/.clawlink"
#define FOLDER_MODE      0700
#define KEY_MODE         0600
#define CERTIFICATE_MODE 0644

enum { KEY, CERTIFICATE };

static enum cl_err
make_folder(const char *path, struct cl_why *why)
{
    if (mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST)
        return CL_OK;
    return cl_fail(CL_ERR_IO, why,
                   "The folder \"%.200s\" for the relay's key cannot be made: %s. Name another "
                   "with --tls-dir.",
                   path, strerror(errno));
}

/* Makes the folder and finds the paths of both files in it. */
static enum cl_err
find_paths(struct cl_relay_tls *tls, struct cl_why *why)
{
    const char *home = getenv("HOME");
    char folder[CL_CLI_PATH_CAP];
    enum cl_err err = CL_OK;
    if (tls->folder == NULL && (home == NULL || home[0] == '\0'))
        return cl_fail(CL_ERR_USAGE, why,
                       "There is no place for the relay's key: HOME is not set. Name a folder "
                       "with --tls-dir.");
    int len = tls->folder != NULL ? snprintf(folder, sizeof folder, "%s", tls->folder)
                                  : snprintf(folder, sizeof folder, "%s" FOLDER, home);
    bool fits = len >= 0 && len + 32 < CL_CLI_PATH_CAP; // for the names that come behind it
    if (!fits)
        return cl_fail(CL_ERR_USAGE, why, "The path of --tls-dir or HOME is too long.");
    if (tls->folder == NULL) {
        err = make_folder(folder, why);
        memcpy(folder + len, "/tls", sizeof "/tls");
    }
    if (err == CL_OK)
        err = make_folder(folder, why);
    (void)snprintf(tls->paths[KEY], CL_CLI_PATH_CAP, "%.4000s/key.pem", folder);
    (void)snprintf(tls->paths[CERTIFICATE], CL_CLI_PATH_CAP, "%.4000s/cert.pem", folder);
    return err;
}

/* A file that is not there leaves the buffer empty. */
static enum cl_err
read_kept(const char *path, struct cl_buf *out, struct cl_why *why)
{
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return CL_OK;
    return cl_file_read(path, out, why);
}

/* The key is kept before the certificate that rests on it. */
static enum cl_err
make_files(const struct cl_relay_tls *tls, const struct cl_relay_config *config,
           struct cl_relay_certificate *own, struct cl_why *why)
{
    struct cl_why reason = {""};
    enum cl_err err = read_kept(tls->paths[KEY], &own->key, why);
    if (err == CL_OK)
        err = read_kept(tls->paths[CERTIFICATE], &own->certificate, why);
    if (err != CL_OK)
        return err;
    err = cl_relay_certificate_make(own, config->host, config->allow_hosts, &reason);
    if (err != CL_OK)
        return cl_fail(err, why, "The key file \"%.200s\" cannot be used: %.160s.", tls->paths[KEY],
                       reason.text);
    if (own->is_key_new)
        err = cl_file_write(tls->paths[KEY], KEY_MODE, cl_buf_str(&own->key), why);
    if (err == CL_OK && own->is_certificate_new)
        err = cl_file_write(tls->paths[CERTIFICATE], CERTIFICATE_MODE,
                            cl_buf_str(&own->certificate), why);
    return err;
}

enum cl_err
cl_relay_tls_prepare(struct cl_relay_tls *tls, struct cl_relay_config *config, struct cl_why *why)
{
    if ((tls->certificate == NULL) != (tls->key == NULL))
        return cl_fail(CL_ERR_USAGE, why,
                       "--tls-cert and --tls-key belong together: give both; one file may hold "
                       "both.");
    if (tls->certificate != NULL && tls->self_signed != NULL)
        return cl_fail(CL_ERR_USAGE, why,
                       "--tls-cert and --tls-self-signed were given: give one of them.");
    if (tls->folder != NULL && tls->self_signed == NULL)
        return cl_fail(CL_ERR_USAGE, why, "--tls-dir means nothing without --tls-self-signed.");
    config->tls_certificate = tls->certificate;
    config->tls_key = tls->key;
    if (tls->self_signed == NULL)
        return CL_OK;

    struct cl_relay_certificate own;
    cl_relay_certificate_init(&own);
    enum cl_err err = find_paths(tls, why);
    if (err == CL_OK)
        err = make_files(tls, config, &own, why);
    cl_relay_certificate_done(&own);
    config->tls_certificate = tls->paths[CERTIFICATE];
    config->tls_key = tls->paths[KEY];
    return err;
}
