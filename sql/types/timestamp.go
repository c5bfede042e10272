package types

const microsPerDay = 24 * 60 * 60 * 1000 * 1000
