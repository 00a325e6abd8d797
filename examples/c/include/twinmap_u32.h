// Written by build.rs, of src/lib.rs.

#pragma once

#include <stddef.h>
#include <stdint.h>

// What came of a call.
typedef enum {
  // Done.
  TWINMAP_OK,
  // There is no such key.
  TWINMAP_ABSENT,
  // As many keys are there as there may be, and this is another one.
  TWINMAP_FULL,
  // No memory until somebody is done with the map. A handler must not wait for that: the next time.
  TWINMAP_BUSY,
} Twinmap;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Sets the value of a key. `previous`, unless null, receives the value that is replaced, if there is one.
Twinmap twinmap_insert(uint32_t key,
                       uint32_t value,
                       uint32_t *previous);

// Looks a key up, without a lock if it is known. `value`, unless null, receives its value.
Twinmap twinmap_get(uint32_t key, uint32_t *value);

// Removes a key. `value`, unless null, receives the value that it had.
Twinmap twinmap_remove(uint32_t key, uint32_t *value);

// The number of keys.
size_t twinmap_len(void);

// Calls `each` for all keys, in no particular order. Meanwhile others may change the map, and so may `each`.
void twinmap_for_each(void (*each)(uint32_t key, uint32_t value, void *context),
                      void *context);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus
