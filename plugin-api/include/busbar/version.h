/* Version of the plugin contract. One line of history per minor version; see docs/abi-history.md.
 */
#ifndef BUSBAR_VERSION_H
#define BUSBAR_VERSION_H

/* "BUSB" read as a big-endian word: recognises a descriptor before anything else of it is trusted.
 */
#define BUSBAR_MAGIC 0x42555342u

/* A host loads a plugin when the major versions are equal and the plugin's minor version is not
 * newer than its own.
 *  1.0  first version
 *  1.1  extensions busbar.source/1 (source.h), busbar.storage/1 and busbar.places/1 (storage.h),
 *       member `storage` of a handler, the ELF note (plugin.h), constant BUSBAR_EMITS_ONLY */
#define BUSBAR_ABI_MAJOR 1u
#define BUSBAR_ABI_MINOR 1u

/* The declarations of plugin.h, hashed, so that two headers that call themselves the same version
 * can be told apart; tests/plugin-api/test_note.py says what it is to be. */
#define BUSBAR_HEADER_HASH_HIGH 0x6aac4e50u
#define BUSBAR_HEADER_HASH_LOW 0x6ab0a478u

#endif
