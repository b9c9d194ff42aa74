CONSTANTS = {
    "CHILDREN": 4,
    "LONGEST": 20.0,
    "LAST_CALL": 1.0,
    "RETRY_DELAY": 1.0,
}
